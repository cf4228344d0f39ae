"""The chapters of book/learn."""
# Generated from book/learn/ by autograd-book extract; edit the chapter, not this file.
# sha256: 06cc768fa9d934f696812be5d0a4bba2865aa069fa14181fcdbb9c97f5008d70
