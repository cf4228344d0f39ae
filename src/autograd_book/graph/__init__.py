"""The chapters of book/graph."""
# Generated from book/graph/ by autograd-book extract; edit the chapter, not this file.
# sha256: 6fc0ac32b8213ed97ad941b23245333a24041d999df2870f66ff774019fd4c1d
