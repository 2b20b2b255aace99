"""Where policies come from: demonstrations, training, evaluation."""
