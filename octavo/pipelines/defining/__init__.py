"""What a pipeline is: its definition, checked against the components, models and configurations it names."""
