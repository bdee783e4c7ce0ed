//! The columns of the file, and one row of texts.

macro_rules! columns {
    ($($variant:ident = $name:literal,)*) => {
        /// A column.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column { $($variant),* }

        impl Column {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in the header.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

columns! {
    Id = "id",
    Kind = "kind",
    Profile = "profile",
    District = "district",
    Lat = "lat",
    Lon = "lon",
    Datum = "datum",
    Asset = "asset",
    Place = "place",
    Interval = "interval",
    Aliases = "aliases",
    Parent = "parent",
    MeteringPoint = "metering_point",
    Multiplier = "multiplier",
    Digits = "digits",
    ValidFrom = "valid_from",
    ValidTo = "valid_to",
    Retired = "retired",
    Zone = "zone",
    Credential = "credential",
}

impl Column {
    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|column| column.name() == name)
    }
}

/// A row as texts, trimmed; "" where there is nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells<'r>([&'r str; Column::ALL.len()]);

impl<'r> Cells<'r> {
    pub const fn new() -> Self {
        Self([""; Column::ALL.len()])
    }

    pub fn get(&self, column: Column) -> &'r str {
        self.0.get(column as usize).copied().unwrap_or_default()
    }

    pub fn set(&mut self, column: Column, text: &'r str) {
        if let Some(cell) = self.0.get_mut(column as usize) {
            *cell = text.trim();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|cell| cell.is_empty())
    }
}
