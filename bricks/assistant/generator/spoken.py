"""What values and texts are registered as, and taking a value back."""

VALUES, TEXTS = {}, {}


def value(function):
    VALUES[function.__name__] = function
    return function


def text(function):
    TEXTS[function.__name__] = function
    return function


def corrected(line, wrong, right, rate=0.025):
    """`right`, sometimes after another value that is taken back: the last word counts."""
    if not line.chance(rate) or wrong == right:
        return right
    link = line.pick([", no, ", ", no wait, ", ", sorry, ", ", I mean ", ", I mean, ", " no ", " no wait ",
        ", or rather ",
                      ", actually ", ", no, make that ", ", make that ", " I mean ", ", wait no, ", "... no, ",
                      " uh no ", ", scratch that, ", " sorry ", ", hmm, make it ", ", no sorry, "])  # fmt: skip
    return wrong + link + right
