/**
 * What a suite and its proxy process say to each other.
 */
export interface ProxyOptions {
  readonly protocol: "http" | "socks5"
  /** `user:password`; absent: anybody may come. */
  readonly credentials?: string
  /** PEM text. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

/** What a client asked for. */
export interface Asked {
  readonly host: string
  readonly port: number
  /** The field `Proxy-Authorization`. */
  readonly authorization?: string
}
