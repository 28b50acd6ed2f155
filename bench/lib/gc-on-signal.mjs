// Preloaded into a server whose memory is measured (`--expose-gc --import`): SIGUSR2 collects garbage, so that what
// is kept can be told from what is only not yet collected.

process.on('SIGUSR2', () => {
  globalThis.gc()
  globalThis.gc()
})
