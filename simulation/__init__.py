"""The twin: ALOHA in MuJoCo physics, behind the same messages as the real arms."""
