"""The fork tests, on the base that every Python ships. A file: children that are started anew import it."""

from test._test_multiprocessing import install_tests_in_module_dict

install_tests_in_module_dict(globals(), "fork")
