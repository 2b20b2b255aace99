"""`python -m perception`: try a robot's cameras."""

from station.camera_tools.check import entry

if __name__ == "__main__":
    entry()
