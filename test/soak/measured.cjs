/** Loaded before the server: told to, it collects its garbage and says what is left. Needs --expose-gc and an IPC channel. */
process.on('message', () => {
  globalThis.gc()
  process.send({ heapMb: process.memoryUsage().heapUsed / 2 ** 20, handles: process.getActiveResourcesInfo().length })
})
process.channel.unref() // the server ends as it would without
