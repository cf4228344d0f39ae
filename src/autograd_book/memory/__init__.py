"""The chapters of book/memory."""
# Generated from book/memory/ by autograd-book extract; edit the chapter, not this file.
# sha256: 8251b1ccfa6b641ff920f6c5feed411916eba2fab00746de54b86e684797d12c
