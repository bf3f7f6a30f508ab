//! Holds no code: the black-box tests lie beside this folder, one file or folder a subject.
