/**
 * A request in the terms of the session that sends it.
 */
import type { RawHeaders, RequestBody, RequestHead } from "@weir/http1"
import type { ClientRequest } from "./Request.ts"

/** `headers`: with `Host`. */
export const requestHead = (request: ClientRequest, headers: RawHeaders): RequestHead => ({
  method: request.method,
  target: targetOf(request),
  headers,
  body: framingOf(request),
  isKeepAlive: request.isKeepAlive !== false,
  isUpgrade: request.isUpgrade === true,
  expectsContinue: request.expectsContinue === true
})

/** A proxy that forwards a request is told whom to forward it to by the whole URI (RFC 9112 section 3.2.2). */
const targetOf = ({ origin: { forwarding }, target }: ClientRequest): string => {
  if (forwarding === undefined) return target
  // Of the whole server the URI has no path (RFC 9112 section 3.2.4).
  if (target === "*") return forwarding.uri
  return target.startsWith("/") ? forwarding.uri + target : target
}

const emptyFraming: RequestBody = { _tag: "empty" }
const chunkedFraming: RequestBody = { _tag: "chunked" }

const framingOf = ({ body }: ClientRequest): RequestBody => {
  switch (body._tag) {
    case "Empty":
      return emptyFraming
    case "Bytes":
      return { _tag: "bytes", bytes: body.bytes }
    case "Stream":
      return body.byteCount === undefined ? chunkedFraming : { _tag: "sized", byteCount: body.byteCount }
  }
}
