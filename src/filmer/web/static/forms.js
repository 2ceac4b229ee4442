// Forms are complete without this.
