/**
 * A request whose origin is reached through a proxy, as it can be sent there.
 */
import { type ClientError, clientError } from "./ClientError.ts"
import type { ClientRequest } from "./Request.ts"

/**
 * What a proxy cannot forward goes through a tunnel: a change of protocol (RFC 6455 section 4.1 wants so for WebSocket), and
 * a CONNECT that is meant for the origin. A `Proxy-Authorization` of the caller's is refused: in a tunnel it would be told to
 * the origin, and outside of one there would be two.
 */
export const throughProxy = (request: ClientRequest): ClientRequest | ClientError => {
  const { headers, isUpgrade, method, origin, target } = request
  if (headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === "proxy-authorization")) {
    const detail = "Proxy-Authorization follows from the proxy's settings and must not be among the headers"
    const call = `${method} ${origin.label}${target.split("?", 1)[0] ?? ""}`
    return clientError({ reason: { _tag: "InvalidRequest", detail }, call, retry: "never", retryCount: 0 })
  }
  const needsTunnel = isUpgrade === true || method === "CONNECT"
  return needsTunnel && origin.tunnelled !== undefined ? { ...request, origin: origin.tunnelled } : request
}
