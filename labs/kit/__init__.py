"""What all labs share: docs in labs/README.md. Reading order:

    cut      takes functions out of a file, puts others in
    seed     what differs from student to student, from run to run
    outside  a machine that checks use
    report   verdicts, in the forms that people and platforms read
    grade    runs the checks
    folder   makes a student's folder out of the tree
"""
