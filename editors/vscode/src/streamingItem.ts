/** The one suggestion that may still grow, while its document and cursor stay as they were. */
export interface Position {
  line: number;
  character: number;
}

/** A place in a version of a document. */
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

  /** A request is made: what grew before does not matter any more. */
  asked(place: Place): void {
    this.place = place;
    this.longest = undefined;
  }

  /** Nothing is to grow until the next request. */
  stop(): void {
    this.place = undefined;
    this.longest = undefined;
  }

  /** Keeps a longer text of the last request's item. False if it is of an earlier request. */
  take(place: Place, item: Item): boolean {
    const fits = this.place !== undefined && samePlace(this.place, place);
    if (fits) {
      this.longest = item;
    }
    return fits;
  }

  /** The longest text for a place, if it has grown since it was asked for. */
  at(place: Place): Item | undefined {
    return this.place !== undefined && samePlace(this.place, place) ? this.longest : undefined;
  }
}
