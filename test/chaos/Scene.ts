/**
 * What the client under fire is put before: four servers and the ways to them, and all that can befall them at once.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Chance } from "@weir/testkit"
import { makeCertificates } from "../conformance/Certificates.ts"
import { type FarmOptions, FarmProcess, stormOn } from "./Farm.ts"
import { Names } from "./Names.ts"
import { FarNetwork, holeAddress } from "./OwnNetwork.ts"
import { changingName, type FarmAddress } from "./Protocol.ts"

export interface Scene {
  /** As the client is to know them: by a name, through a cable that misbehaves, with TLS, and behind a black hole. */
  readonly addresses: ReadonlyArray<FarmAddress>
  /** The port behind the name. */
  readonly namedPort: number
  readonly names: Names
  /** PEM of the CA that signed the certificates. */
  readonly ca: string
  /** Ends soon after the signal, when every server serves again. */
  readonly storm: (count: (fault: string) => void, signal: AbortSignal) => Promise<void>
  readonly close: () => Promise<void>
}

/** `hasNetwork`: this process is in a network of its own; otherwise there are no black holes. */
export const openScene = async (chance: Chance, hear: FarmOptions["hear"], hasNetwork: boolean): Promise<Scene> => {
  const tlsDirectory = mkdtempSync(join(tmpdir(), "weir-chaos-"))
  const { ca, selfSigned, server: trusted } = makeCertificates()
  for (const [name, { chain, key }] of [
    ["right", trusted],
    ["wrong", selfSigned]
  ] as const) {
    writeFileSync(join(tlsDirectory, `${name}.pem`), chain)
    writeFileSync(join(tlsDirectory, `${name}.key`), key)
  }
  const far = hasNetwork ? await FarNetwork.open() : undefined
  const names = await Names.open(hasNetwork ? holeAddress : undefined)
  const open = (options: Partial<FarmOptions> = {}): Promise<FarmProcess> =>
    FarmProcess.server({ seed: chance.next(), hear, ...options })
  const opening = open()
  const [named, hidden, secure, proxy, ...distant] = await Promise.all([
    open(),
    opening,
    open({ tlsDirectory }),
    opening.then(({ port }) => FarmProcess.faultProxy(port, { seed: chance.next(), hear })),
    ...(far === undefined ? [] : [open({ far })])
  ])
  const servers = [named, hidden, secure, ...distant]
  const processes = [...servers, proxy]
  return {
    addresses: [
      { isSecure: false, host: changingName, port: named.port },
      ...[proxy, secure, ...distant].map(({ host, isSecure, port }) => ({ host, isSecure, port }))
    ],
    namedPort: named.port,
    names,
    ca,
    storm: async (count, signal) => {
      for (const process of processes) process.tell("storm")
      await Promise.all([
        ...servers.map((server, index) => stormOn(server, chance.fork(`server ${index}`), count, signal)),
        names.storm(chance.fork("names"), count, signal)
      ])
      for (const process of processes) process.tell("calm")
    },
    close: async () => {
      await Promise.all(processes.map((process) => process.kill()))
      await names.close()
      far?.close()
      rmSync(tlsDirectory, { recursive: true, force: true })
    }
  }
}
