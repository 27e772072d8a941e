/** How long calls took. All of them are kept: a benchmark is short. */
export class Latencies {
  private millis = new Float64Array(65_536)
  private count = 0

  add(millis: number): void {
    if (this.count === this.millis.length) {
      const larger = new Float64Array(this.count * 2)
      larger.set(this.millis)
      this.millis = larger
    }
    this.millis[this.count++] = millis
  }

  summary(seconds: number): object {
    const sorted = this.millis.subarray(0, this.count).sort()
    const micros = (share: number) =>
      Math.round((sorted[Math.min(this.count - 1, Math.floor(this.count * share))] ?? 0) * 1000)
    return {
      requestCount: this.count,
      seconds,
      p50Micros: micros(0.5),
      p99Micros: micros(0.99),
      p999Micros: micros(0.999)
    }
  }
}
