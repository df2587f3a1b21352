/*
 * Where is a series going? Robust regression: the line of Theil and Sen (the median of the slopes between all pairs of
 * points) is not moved by outliers, up to three points in ten; the test of Mann and Kendall says whether the series moves at
 * all (it counts pairs that rise against pairs that fall, and so needs no distribution).
 *
 *     Sen, P. K. (1968), Estimates of the regression coefficient based on Kendall's tau
 *     Mann, H. B. (1945), Nonparametric tests against trend
 *
 * Pure; O(n^2) in at most TREND_POINTS_MAX points.
 */
#ifndef SERVERS_HEALTH_TREND_H
#define SERVERS_HEALTH_TREND_H

#include <stdbool.h>
#include <stdint.h>

#define TREND_POINTS_MAX 64u
#define TREND_POINTS_MIN 12u /* fewer say nothing */

struct trend_point {
    double x, y; /* x grows */
};
struct trend {
    double slope; /* y for each x */
    double level; /* y on the line at the last x */
    double first; /* y on the line at the first x */
    bool is_rising; /* for sure: by three standard deviations */
};

/* False with too few points, or with points that all have one x. */
bool trend_fit(const struct trend_point *points, unsigned count, struct trend *trend);
/* The middle one of `count` values, which are put into another order. 0 for none. */
double trend_median(double *values, unsigned count);

#endif
