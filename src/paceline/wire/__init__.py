"""What goes over the wire: requests, connections, encryption."""
