//! The native checker: schemas that say only what types can say, and scalar keywords at leaves.
//! Objects are checked by walking two sorted lists side by side, without a lookup or an allocation.

mod build;
mod sorts;

use std::sync::Arc;

use vrl::value::{KeyString, Value};

use sorts::{expected, found, sort};

use crate::{Violation, path, validator};

/// What a value must look like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    types: u8,
    fields: Option<Box<Fields>>,
    positions: Option<Box<Positions>>,
    strings: Option<Box<[String]>>,
    scalar: Option<Arc<validator::Validator>>,
}

#[derive(Clone, Debug)]
struct Fields {
    /// Sorted by name.
    known: Vec<Field>,
    rest: Rest,
}

#[derive(Clone, Debug)]
struct Field {
    name: KeyString,
    required: bool,
    shape: Shape,
}

#[derive(Clone, Debug)]
struct Positions {
    first: Vec<Shape>,
    rest: Rest,
    least: usize,
    most: usize,
}

#[derive(Clone, Debug)]
enum Rest {
    Any,
    None,
    Each(Shape),
}

/// A violation under construction; the path is collected only when there is one.
struct Fault {
    /// Innermost first.
    path: Vec<Segment>,
    message: String,
}

enum Segment {
    Field(KeyString),
    Position(usize),
}

impl Shape {
    /// Checks one value.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Violation> {
        self.value(value).map_err(|fault| {
            let mut field = String::new();
            for segment in fault.path.iter().rev() {
                match segment {
                    Segment::Field(name) => path::push_field(&mut field, name),
                    Segment::Position(position) => path::push_position(&mut field, *position),
                }
            }
            Violation {
                field: path::or_root(field),
                message: fault.message,
            }
        })
    }

    fn value(&self, value: &Value) -> Result<(), Fault> {
        let sort = sort(value);
        if self.types & sort == 0 {
            return Err(fault(format!(
                "expected {}, found {}",
                expected(self.types),
                found(sort)
            )));
        }
        match value {
            Value::Object(map) => match &self.fields {
                Some(fields) => fields.check(map),
                None => Ok(()),
            },
            Value::Array(items) => match &self.positions {
                Some(positions) => positions.check(items),
                None => Ok(()),
            },
            _ => self.scalar(value),
        }
    }

    fn scalar(&self, value: &Value) -> Result<(), Fault> {
        if let Some(strings) = &self.strings {
            let text = value.to_string_lossy();
            if !strings.iter().any(|string| *string == text) {
                return Err(fault(format!(
                    "is not one of the {} values that the contract lists",
                    strings.len()
                )));
            }
        }
        match &self.scalar {
            Some(validator) => validator
                .check(value)
                .map_err(|violation| fault(violation.message)),
            None => Ok(()),
        }
    }
}

impl Fields {
    fn check(&self, map: &vrl::value::ObjectMap) -> Result<(), Fault> {
        let mut known = self.known.iter().peekable();
        for (name, value) in map {
            while let Some(missing) = known.next_if(|field| field.name < *name) {
                missing.absent()?;
            }
            match known.next_if(|field| field.name == *name) {
                Some(field) => field
                    .shape
                    .value(value)
                    .map_err(|fault| within(fault, Segment::Field(name.clone())))?,
                None => match &self.rest {
                    Rest::Any => {}
                    Rest::None => {
                        let fault = fault("is not declared by the contract".to_owned());
                        return Err(within(fault, Segment::Field(name.clone())));
                    }
                    Rest::Each(shape) => {
                        shape
                            .value(value)
                            .map_err(|fault| within(fault, Segment::Field(name.clone())))?;
                    }
                },
            }
        }
        known.try_for_each(Field::absent)
    }
}

impl Field {
    fn absent(&self) -> Result<(), Fault> {
        if self.required {
            let fault = fault("is required and missing".to_owned());
            return Err(within(fault, Segment::Field(self.name.clone())));
        }
        Ok(())
    }
}

impl Positions {
    fn check(&self, items: &[Value]) -> Result<(), Fault> {
        if items.len() < self.least {
            return Err(fault(format!("has fewer than {} items", self.least)));
        }
        if items.len() > self.most {
            return Err(fault(format!("has more than {} items", self.most)));
        }
        for (position, item) in items.iter().enumerate() {
            let shape = match (self.first.get(position), &self.rest) {
                (Some(shape), _) | (None, Rest::Each(shape)) => shape,
                (None, Rest::Any) => return Ok(()),
                (None, Rest::None) => {
                    return Err(fault(format!("has more than {} items", self.first.len())));
                }
            };
            shape
                .value(item)
                .map_err(|fault| within(fault, Segment::Position(position)))?;
        }
        Ok(())
    }
}

fn fault(message: String) -> Fault {
    Fault {
        path: Vec::new(),
        message,
    }
}

fn within(mut fault: Fault, segment: Segment) -> Fault {
    fault.path.push(segment);
    fault
}
