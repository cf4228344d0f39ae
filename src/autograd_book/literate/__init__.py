"""The chapters of book/literate."""
# Generated from book/literate/ by autograd-book extract; edit the chapter, not this file.
# sha256: 6125d2cfef5ffe9f241bdd9763dcc95f8e23f84836acd509492e6c5baaab9cdd
