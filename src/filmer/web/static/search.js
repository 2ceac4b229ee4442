// The search box is complete without this.
