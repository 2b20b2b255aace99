"""What a bus of servos costs and how it takes faults, dynamixel-sdk beside our own."""
