//! Road networks of our own: the same seed gives the same map, to the byte.

mod paint;
mod seed;
mod sites;
mod sketch;

pub(in crate::fleet) use seed::Seed;
pub use sites::{CityRecipe, generate_city, generated_maps};

#[cfg(test)]
mod tests;
