/**
 * A request in the terms of the session that sends it.
 */
import type { RawHeaders, RequestBody, RequestHead } from "@weir/http1"
import type { ClientRequest } from "./Request.ts"

/** `headers`: with `Host`. */
export const requestHead = (request: ClientRequest, headers: RawHeaders): RequestHead => ({
  method: request.method,
  target: request.target,
  headers,
  body: framingOf(request),
  isKeepAlive: request.isKeepAlive !== false,
  isUpgrade: request.isUpgrade === true,
  expectsContinue: request.expectsContinue === true
})

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
