"""What an operator does to an exchange beside running it: dead letters, papers, backups. The commands are in `infra/commands`."""
