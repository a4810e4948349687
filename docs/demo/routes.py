"""Routes through a network of stations, for `make demo`, which removes parts and completes them."""

import heapq
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Link:
    """A line between two stations, and the minutes it takes."""

    start: str
    end: str
    minutes: int


@dataclass
class Network:
    """Stations and the links between them; every link runs both ways."""

    links: dict[str, list[Link]] = field(default_factory=lambda: defaultdict(list))

    def add(self, link: Link) -> None:
        """Adds a link and its way back."""
        self.links[link.start].append(link)
        self.links[link.end].append(Link(link.end, link.start, link.minutes))

    def stations(self) -> set[str]:
        """The names of all stations."""
        return set(self.links)

    def fastest(self, start: str, end: str) -> list[str] | None:
        """The stations of the fastest route, or None if there is no route."""
        queue = [(0, start, [start])]
        visited = set()
        while queue:
            minutes, station, route = heapq.heappop(queue)
            if station == end:
                return route
            if station in visited:
                continue
            visited.add(station)
            for link in self.links[station]:
                heapq.heappush(queue, (minutes + link.minutes, link.end, route + [link.end]))
        return None

    def is_connected(self) -> bool:
        """Whether every station can be reached from every other."""
        if not self.links:
            return True
        waiting = [next(iter(self.links))]
        reached = set(waiting)
        while waiting:
            for link in self.links[waiting.pop()]:
                if link.end not in reached:
                    reached.add(link.end)
                    waiting.append(link.end)
        return len(reached) == len(self.links)

    def minutes(self, route: list[str]) -> int:
        """The minutes that a route takes."""
        total = 0
        for start, end in zip(route, route[1:]):
            total += min(link.minutes for link in self.links[start] if link.end == end)
        return total
