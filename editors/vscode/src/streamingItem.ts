/** The one suggestion that still grows, valid while its document and cursor do not change. */
export interface Position {
  line: number;
  character: number;
}

/** A position in one version of a document. */
export interface Place {
  uri: string;
  version: number;
  position: Position;
}

export function samePlace(a: Place, b: Place): boolean {
  return (
    a.uri === b.uri &&
    a.version === b.version &&
    a.position.line === b.position.line &&
    a.position.character === b.position.character
  );
}

export class StreamingItem<Item> {
  private place: Place | undefined;
  private longest: Item | undefined;

  /** Starts a request at a place, and discards the item of the previous one. */
  start(place: Place): void {
    this.place = place;
    this.longest = undefined;
  }

  /** Ignores updates until the next request. */
  stop(): void {
    this.place = undefined;
    this.longest = undefined;
  }

  /** Keeps a longer item of the current request. Returns false if it belongs to an earlier one. */
  update(place: Place, item: Item): boolean {
    const isCurrent = this.place !== undefined && samePlace(this.place, place);
    if (isCurrent) {
      this.longest = item;
    }
    return isCurrent;
  }

  /** The longest item at a place; undefined if there was no update since the request. */
  at(place: Place): Item | undefined {
    return this.place !== undefined && samePlace(this.place, place) ? this.longest : undefined;
  }
}
