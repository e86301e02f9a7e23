"""The grammar from which training data of the brick `assistant` is made. `../README.md` says what is where."""
