"""Models of texts, alone or beside pictures: what their files say, how a graph takes tokens, how it does."""
