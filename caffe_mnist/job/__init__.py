"""A job script of the platform, run as its container would: folders, programs, modules, stores."""
