"""The chapters of book/speed."""
# Generated from book/speed/ by autograd-book extract; edit the chapter, not this file.
# sha256: ba3632d8363b3ce791d5ac6b081feaffc896b88c5cc3573b974b2ccbf54c308e
