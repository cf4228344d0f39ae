"""The chapters of book/scale."""
# Generated from book/scale/ by autograd-book extract; edit the chapter, not this file.
# sha256: e4b1b7773ed60799070fc1df4378f89bdef9f4e52e93d1e93e232122216061c1
