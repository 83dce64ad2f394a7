"""One router a resource. Each names the scope that it needs; work that blocks goes to a pool of the state."""
