/** When a client can tell that its event stream is open. */

/** Makes an event stream begin at once. Node holds response headers back until the first byte of the body: without one, a client with nothing to hear cannot tell that its stream is open. */
export function openAtOnce(response: Response): Response {
  if (!response.body || response.headers.get('content-type') !== 'text/event-stream') return response
  const opening = new TransformStream<Uint8Array, Uint8Array>({
    start: controller => controller.enqueue(new TextEncoder().encode(': open\n\n')), // a comment, by the SSE grammar
  })
  return new Response(response.body.pipeThrough(opening), { status: response.status, headers: response.headers })
}

/** From this protocol version on, the transport opens the streams of requests with an event of its own. */
export const opensByItself = (request: Request): boolean => request.method === 'POST' && (request.headers.get('mcp-protocol-version') ?? '') >= '2025-11-25'
