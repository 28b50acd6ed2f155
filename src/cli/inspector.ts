/**
 * Keeps node's inspector closed. Node opens it upon SIGUSR1, for whoever may connect to loopback and without a key, and
 * what it lets in runs as we do. With a listener of our own the signal is ours. Imported first, as it acts at once:
 * before it does, the signal ends the process or opens what nobody has asked for. `--inspect` opens it as ever.
 */
process.on('SIGUSR1', () => {})
