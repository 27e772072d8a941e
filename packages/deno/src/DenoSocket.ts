/**
 * The part of Deno's own networking that this layer uses.
 *
 * Written down here so that the other runtimes' compilers need not know Deno. The source is `deno types` of Deno 2.9.6
 * (`Deno.Conn`, `Deno.TcpConn`, `Deno.ConnectOptions`, `Deno.UnixConnectOptions`); what is said beyond it was seen there.
 */

/** An open connection. Every promise below is rejected with `Interrupted` when the connection is closed meanwhile. */
export interface DenoSocket {
  /** How many bytes were read into `buffer`; `null` at the end. Of several at once it is not said which gets what. */
  read(buffer: Uint8Array): Promise<number | null>
  /** How many bytes the system has taken, often fewer than all; pending while it takes none. */
  write(bytes: Uint8Array): Promise<number>
  /** Sends FIN. */
  closeWrite(): Promise<void>
  /** Closes the descriptor: at once, or when the promises that are pending have been rejected. */
  close(): void
  /** Of what keeps the process alive only reads are concerned; another pending operation does until it ends. */
  ref(): void
  unref(): void
  readonly localAddr: DenoAddress
  readonly remoteAddr: DenoAddress
}

export type DenoAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string | null }

export interface DenoTcpSocket extends DenoSocket {
  setNoDelay(isNoDelay: boolean): void
  /** Probes begin when the system says (Linux: after two hours, `net.ipv4.tcp_keepalive_time`). */
  setKeepAlive(isKeepAlive: boolean): void
}

declare const Deno: {
  connect(options: {
    readonly hostname: string
    readonly port: number
    readonly signal: AbortSignal
  }): Promise<DenoTcpSocket>
  connect(options: { readonly transport: "unix"; readonly path: string }): Promise<DenoSocket>
}

/**
 * `host` is an IP address. An abort in time closes the descriptor before the promise is rejected; after one that comes just
 * as the connection opens, it opens nonetheless, and the caller has to close it.
 */
export const connectTcp = async (host: string, port: number, signal: AbortSignal): Promise<DenoSocket> => {
  // Deno asks the signal once more when the connection is open, by this method: if it threw, the connection would be open
  // and nobody's.
  signal.throwIfAborted = () => {}
  const socket = await Deno.connect({ hostname: host, port, signal })
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  return socket
}

/** Never pending for long: a listener whose queue is full refuses at once. */
export const connectUnix = (path: string): Promise<DenoSocket> => Deno.connect({ transport: "unix", path })
