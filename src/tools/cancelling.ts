/** Work that goes on by itself while somebody waits for its end: when the caller gives up, the wait ends and the work does not. */

/** @param instead what is answered then; nobody may be left to hear it */
export function orCancelled<Result>(work: Promise<Result>, signal: AbortSignal, instead: () => Result): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(instead())
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
