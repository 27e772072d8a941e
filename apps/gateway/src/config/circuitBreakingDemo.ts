/**
 * Istio's circuit-breaking experiment as configuration: one service in two versions, and limits low enough to see.
 */

/** An endpoint on the loopback interface. */
export interface DemoEndpoint {
  readonly port: number
  /** The label subsets are told apart by. */
  readonly version: "v1" | "v2"
}

/** A file as somebody would write it: ServiceEntry, VirtualService and DestinationRule of `service-go`. */
export const circuitBreakingDemoYaml = (endpoints: ReadonlyArray<DemoEndpoint>): string => `\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: service-go
spec:
  hosts:
    - service-go
  ports:
    - number: 80
      name: http
      protocol: HTTP
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints:
${endpoints.map(endpointYaml).join("\n")}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: service-go
spec:
  hosts:
    - service-go
  http:
    - route:
        - destination:
            host: service-go
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: service-go
spec:
  host: service-go
  trafficPolicy:
    connectionPool:
      http:
        http2MaxRequests: 10
        http1MaxPendingRequests: 5
        maxRequestsPerConnection: 2
        maxRetries: 3
  subsets:
    - name: v1
      labels:
        version: v1
    - name: v2
      labels:
        version: v2
`

const endpointYaml = ({ port, version }: DemoEndpoint): string => `\
    - address: 127.0.0.1
      ports:
        http: ${port}
      labels:
        version: ${version}`
