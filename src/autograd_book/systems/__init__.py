"""The chapters of book/systems."""
# Generated from book/systems/ by autograd-book extract; edit the chapter, not this file.
# sha256: 09d4b6acf32ac5d7d0973e03a12bb7e42a063557adeff5c5ecb68760e40f9705
