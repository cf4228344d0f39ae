"""Where the rules of each chapter are checked: one file for each chapter, each with a function `cases`."""
