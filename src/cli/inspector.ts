/**
 * Keeps Node's inspector closed. Upon SIGUSR1 Node opens it on loopback without authentication, and clients of it run
 * code as this process. A listener of our own disables that. Imported first, since the signal opens the inspector or
 * ends the process until then. `--inspect` still opens it.
 */
process.on('SIGUSR1', () => {})
