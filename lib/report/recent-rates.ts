/** The rates of the last 15 lines in which anything moved. */
export class RecentRates {
  static readonly #window = 15;
  #rates: readonly number[] = [];

  add(pps: number): void {
    if (pps > 0) this.#rates = [...this.#rates, pps].slice(-RecentRates.#window);
  }

  get mean(): number {
    return this.#rates.reduce((sum, pps) => sum + pps, 0) / Math.max(1, this.#rates.length);
  }

  get deviation(): number {
    const mean = this.mean;
    const squares = this.#rates.reduce((sum, pps) => sum + (pps - mean) ** 2, 0);
    return Math.sqrt(squares / Math.max(1, this.#rates.length));
  }
}
