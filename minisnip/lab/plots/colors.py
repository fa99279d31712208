"""The colors of every figure: Okabe and Ito's, which color-blind eyes tell apart."""

BLUE, ORANGE, GREEN, PURPLE, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
SKY, YELLOW = "#56B4E9", "#E69F00"
COLORS = (BLUE, ORANGE, GREEN, PURPLE)
