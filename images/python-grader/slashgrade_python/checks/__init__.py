"""The rules behind Feedback's checks, one module a kind of value.

Each function returns the messages for the student, most important first, and an empty list if all is right. Heavy
libraries are imported only by the check that needs them.
"""
