"""Measures of samples against data: functions of feature arrays, and the networks that give features."""
