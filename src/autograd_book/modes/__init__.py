"""The chapters of book/modes."""
# Generated from book/modes/ by autograd-book extract; edit the chapter, not this file.
# sha256: b8ed855ac74bc1667f3a43372fa2d2fd973f388ef0765a9a70343f60a387fa30
