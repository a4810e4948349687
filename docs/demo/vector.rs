//! A small vector type, for `sessions typed`, which types its method `length`.

/// A vector in the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vector {
    /// The horizontal component.
    pub x: f64,
    /// The vertical component.
    pub y: f64,
}

impl Vector {
    /// The zero vector.
    pub const ZERO: Self = Self { x: 0.0, y: 0.0 };

    /// Returns a vector with the given components.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// Returns the sum of two vectors.
    pub fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }

    /// Returns the difference of two vectors.
    pub fn subtract(self, other: Self) -> Self {
        Self { x: self.x - other.x, y: self.y - other.y }
    }

    /// Returns the length of the vector.
    pub fn length(self) -> f64 {
        (self.x.powi(2) + self.y.powi(2)).sqrt()
    }

    /// Returns the dot product of two vectors.
    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }
}
