"""The chapters of book/rules."""
# Generated from book/rules/ by autograd-book extract; edit the chapter, not this file.
# sha256: 95cb98a308fe65b187c9efad79aede7be6e4a0a2c8ead91bb3aa5f22f5d274eb
