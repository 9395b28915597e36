"""Following the contexts of an n-gram that the revealed tokens keep alive: few positions touch few contexts."""
