"""The page at ``/``: rendered here, made livelier by a little JavaScript that lies beside it as it is served."""
